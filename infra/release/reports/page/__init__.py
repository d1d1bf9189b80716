"""One page about releases, in HTML that stands alone: for a rehearsal's report and for a stack's story alike."""
