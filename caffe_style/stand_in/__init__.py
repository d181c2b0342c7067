"""A folder for sys.path in which `import caffe` is the engine: processes that a script starts find it there.

May import engine.
"""
