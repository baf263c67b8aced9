"""One frame, header field by field, beside what Calico's rules expect of each field."""
