"""`view`: a page on this machine that shows a release live. It reads AWS and changes nothing."""
