"""Equivariant and plain network building blocks (torch, escnn)."""
