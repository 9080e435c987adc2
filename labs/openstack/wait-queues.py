#!/usr/bin/python3
"""wait-queues.py SECONDS QUEUE...: waits until each RPC queue has somebody who reads it.

What an agent sends before that is lost, and costs it a time-out of 15 to 60 s.
"""
import sys
import time

import amqp

end = time.time() + float(sys.argv[1])
missing = set(sys.argv[2:])
while missing and time.time() < end:
    for queue in sorted(missing):
        connection = amqp.Connection("127.0.0.1:5672", userid="guest", password="guest", connect_timeout=2)
        try:
            connection.connect()
            if connection.channel().queue_declare(queue=queue, passive=True).consumer_count:
                missing.discard(queue)
        except Exception:  # there is no such queue yet, or no RabbitMQ
            pass
        finally:
            try:
                connection.close()
            except Exception:
                pass
    if missing:
        time.sleep(0.4)
if missing:
    sys.exit(f"nobody reads: {', '.join(sorted(missing))}")
