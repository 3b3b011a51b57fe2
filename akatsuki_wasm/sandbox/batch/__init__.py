"""The batch lane: one function over whole columns; `driver` is where it begins."""
