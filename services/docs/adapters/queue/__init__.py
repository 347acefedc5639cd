"""Job queues: durable work that outlives the process that took it on."""
