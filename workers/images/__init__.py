"""MR images: headers, frames, pixels, phases, and the volume that they form."""
