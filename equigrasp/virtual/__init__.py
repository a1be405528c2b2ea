"""Virtual hardware: servers that speak a real device's protocol in front of any device."""
