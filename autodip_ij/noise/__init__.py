"""Analyse the noise of a plane: strength, kind, artefacts that invalidate it, and the residual relative to it."""
