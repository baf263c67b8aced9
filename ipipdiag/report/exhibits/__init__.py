"""What a report shows beside its words: drawings, headers field by field, frames as hex. Decided here, drawn by nobody
yet.
"""
