"""The paper's figures as labelled contact sheets."""
