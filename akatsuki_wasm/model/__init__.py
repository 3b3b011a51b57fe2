"""The language model's side of a design: prompts, the way to an OpenAI-compatible server, and reading what it answers.

`generator.generate` is the way in. Nothing here knows the host, the build or the registry.
"""
