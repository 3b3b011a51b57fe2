PROMPT = """
Merge the busy times of several calendars, as a function `merge_intervals(intervals)` of a list of pairs (start, end)
of whole numbers that gives such a list. Times that overlap or touch (one ends where the other starts) become one; the
result is sorted by start. The given list is in no order, and no pair ends before it starts.
"""
KIND = "general"
LEVEL = "medium"


def inputs(rng, rows):
    lists = []
    for _ in range(rows):
        starts = rng.integers(-50, 50, rng.integers(0, 12))
        lists.append([(int(start), int(start + rng.integers(0, 15))) for start in starts])
    return {"intervals": lists}


def merge_intervals(intervals):
    merged = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
