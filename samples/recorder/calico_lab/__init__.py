"""A Calico cluster in IP-in-IP mode, made of network namespaces of one Linux kernel, to be broken and recorded."""
