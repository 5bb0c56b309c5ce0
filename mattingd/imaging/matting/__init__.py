"""Alpha mattes: from the network's size to the picture's, refined, retouched."""
