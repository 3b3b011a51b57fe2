"""The offline generator: reads a prompt, picks operations of a catalogue or parses formulas, and writes plain Rust.

It is a catalogue with a reader of words in front of it, and no language model. `generator.generate` is the way in.
"""
