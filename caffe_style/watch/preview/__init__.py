"""A web page on this machine that shows the picture during a run, and can pause or stop the run.

with caffe_style.Preview(8000) as page:
    caffe_style.transfer(content, style, network, callback=page)
"""

from .run import Preview

__all__ = ["Preview"]
