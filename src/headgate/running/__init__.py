"""`headgate up`: the processes of a project under one supervisor, what runs, and the controller's passes."""
