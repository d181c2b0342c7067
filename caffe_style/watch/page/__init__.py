"""What all pages of this machine share: their safety, their colours, and the view of a run.

`run.html` is the view of a run, a part of a page, `run.js` shows the run's state in it, and `base.css` has the
colours and controls.
"""
