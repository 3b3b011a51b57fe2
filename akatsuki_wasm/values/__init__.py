"""Conversions between what people hold (Python objects, command-line text, JSON) and contract values.

Contract values are defined at `akatsuki_wasm.contracts.Call`. Nothing is imported here: one face needs pandas, and
another must start without it.
"""
