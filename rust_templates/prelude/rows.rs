//! Rows and neighbourhoods of an `Image`: convolution, blur, edges. Edges repeat the border pixel.
