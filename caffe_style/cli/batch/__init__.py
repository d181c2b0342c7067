"""`caffe-style batch`: a file of jobs. Each job is a command line of `caffe-style`, run in its own process.

May import the rest of cli.
"""
