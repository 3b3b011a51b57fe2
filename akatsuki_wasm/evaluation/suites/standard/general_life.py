import numpy as np

PROMPT = """
Conway's Game of Life on a torus, as a function `life(cells, width, steps)` that gives a list of bytes. `cells` is a
list of bytes, 1 for a living cell and 0 for a dead one, row by row with `width` cells in a row; each edge of the grid
borders on the opposite one, so that a cell always has eight neighbours (of a very small grid the same cell may count
several times, the cell itself too). Give the cells after `steps` steps. It is an error if `width` is 0 or the number
of cells is no multiple of it. `steps` is a whole number from 0 to 100.
"""
KIND = "general"
LEVEL = "hard"
ROWS = 60


def inputs(rng, rows):
    widths = [0, *(int(each) for each in rng.integers(1, 12, rows - 1))]
    cells = [(rng.random(max(width, 1) * rng.integers(1, 12)) < 0.35).astype(np.uint8) for width in widths]
    cells[1] = np.ones(widths[1] * 3 + (widths[1] > 1), np.uint8)
    cells[2] = np.array([], np.uint8)
    return {"cells": cells, "width": widths, "steps": [int(each) for each in rng.integers(0, 8, rows)]}


def life(cells, width, steps):
    if width == 0 or len(cells) % width:
        raise ValueError("the cells are no whole rows")
    grid = np.asarray(cells).reshape(-1, width)
    for _ in range(steps):
        shifts = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)]
        around = sum(np.roll(grid, shift, (0, 1)) for shift in shifts)
        grid = ((around == 3) | ((grid == 1) & (around == 2))).astype(np.uint8)
    return grid.reshape(-1)
