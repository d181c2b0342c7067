"""`caffe-style batch`: a file of jobs, each a command line of `caffe-style` that runs in a process of its own.

May import the rest of cli.
"""
