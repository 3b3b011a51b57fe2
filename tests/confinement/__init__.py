"""Attacks on the machine that compiles, and what stops them."""
