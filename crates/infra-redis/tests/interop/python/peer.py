"""BullMQ's own client for Python: one JSON question per line on the input, one JSON answer per line
on the output, until the input ends.

usage: python peer.py <redis url> <prefix> <queue>
"""

import asyncio
import json
import sys

from bullmq import Queue, Worker

url, prefix, name = sys.argv[1:]
options = {"connection": url, "prefix": prefix}
queue = Queue(name, options)
workers = []
worked = []


async def process(job, _token):
    worked.append({"id": job.id, "name": job.name, "data": job.data})
    if job.name == "fails":
        raise ValueError("es ging schief: \u00fc")
    return {"by": "python", "data": job.data}


async def add(question):
    jobs = await queue.addBulk(question["jobs"])
    return [job.id for job in jobs]


async def counts(_question):
    return await queue.getJobCounts()


async def job(question):
    found = await queue.getJob(question["id"])
    fields = (
        "id name data opts progress delay priority timestamp finishedOn processedOn failedReason "
        "attemptsMade attemptsStarted returnvalue stacktrace"
    )
    read = {field: getattr(found, field) for field in fields.split()}
    state = await queue.getJobState(found.id)
    return {**read, "state": state}


async def jobs(question):
    return [found.id for found in await queue.getJobs([question["state"]], 0, -1, True)]


async def logs(question):
    return (await queue.getJobLogs(question["id"]))["logs"]


async def work(_question):
    workers.append(Worker(name, process, options))


async def stop(_question):
    for worker in workers:
        await worker.close()
    workers.clear()
    return worked


async def main():
    questions = {answer.__name__: answer for answer in (add, counts, job, jobs, logs, work, stop)}
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        question = json.loads(line)
        try:
            answer = {"ok": await questions[question["ask"]](question)}
        except Exception as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


asyncio.run(main())
