"""The Python language host used only where Pulumi's own is absent."""
