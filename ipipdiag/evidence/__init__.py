"""The frames that findings cite, as a pcapng file for Wireshark: with context, and a comment on each."""
