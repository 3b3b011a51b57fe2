//! Other sizes and places of an `Image`: resize, crop, turn, flip, pixels between pixels.
