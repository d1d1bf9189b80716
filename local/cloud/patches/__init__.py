"""Where ministack answers otherwise than AWS documents, or not at all: each module changes one part of it."""
