"""Keeps a compiler away from the machine it runs on: from files, sockets, other processes and endless work.

A compiler that reads what a stranger wrote is a program that a stranger may come to steer. What holds it is one of
three levels: ``full`` (bubblewrap around Landlock and seccomp), ``strong`` (Landlock and seccomp), ``basic`` (limits
alone). `probe` finds the best one that works here, `ladder` has the levels and makes command lines, and `launcher` is
the script that gives up rights in the new process before the program is there.

Nothing is imported here: `launcher` runs as a script, without site-packages, and loads the modules beside it.
"""
