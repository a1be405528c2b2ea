"""The paper's tables and curves: protocols, a resumable queue of runs, published figures beside ours."""
