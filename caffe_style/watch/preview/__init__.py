"""A small page on this machine that shows a picture as it grows, and lets it be paused or stopped.

with caffe_style.Preview(8000) as page:
    caffe_style.transfer(content, style, network, callback=page)
"""

from .run import Preview

__all__ = ["Preview"]
