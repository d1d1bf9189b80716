"""What a stack must never be: rules over its resources, and the pack that lets Pulumi ask them in a preview."""
