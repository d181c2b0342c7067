"""`caffe-style studio`: a page on which pictures are made. Each picture is a job of the batch machinery.

May import the rest of cli.
"""
