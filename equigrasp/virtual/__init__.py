"""Controllers that exist in software only and speak the real ones' protocols, to prove drivers."""
