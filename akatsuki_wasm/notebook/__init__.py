"""Notebooks: papermill runs, HTML reports and rich display.

Nothing is imported here: papermill alone takes two seconds.
"""
