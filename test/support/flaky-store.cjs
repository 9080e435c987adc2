// @ts-check
/**
 * A store in front of a store, for tests on a computer's or a node's network: hands everything on to an S3 server, notes what was
 * written, and answers 503 to whoever asks for one object as long as a file says so.
 *
 *     node flaky-store.cjs ADDRESS PORT SERVER_PORT OBJECT_PATH FILE LOG
 *
 * FILE: as long as it is there, OBJECT_PATH cannot be had. LOG gets a line for each PUT that the server took: its path.
 */
"use strict";
const fs = require("node:fs");
const http = require("node:http");

const [address = "", port, serverPort, broken = "", file = "", log = ""] = process.argv.slice(2);

http
  .createServer((request, response) => {
    const { url = "", method, headers } = request;
    const path = url.split("?")[0];
    if (path === broken && fs.existsSync(file)) {
      response.writeHead(503, { connection: "close" }).end();
      return;
    }
    const passed = http.request(
      // The signature is of this Host.
      { host: "127.0.0.1", port: Number(serverPort), path: url, method, headers, setHost: false },
      (answer) => {
        if (method === "PUT" && answer.statusCode === 200) fs.appendFileSync(log, `${path}\n`);
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    passed.on("error", () => response.destroy());
    request.on("aborted", () => passed.destroy());
    request.pipe(passed);
  })
  .listen(Number(port), address);
