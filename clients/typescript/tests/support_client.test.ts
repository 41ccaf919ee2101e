import assert from "node:assert/strict";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { ErrorInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";
import { ErrorReason } from "../src/gen/kpm/v1/error_reason_pb.js";
import { SupportService } from "../src/gen/kpm/v1/support_service_pb.js";
import { newId, RpcError, SupportClient } from "../src/index.js";

test("support reads all pages with the operator's credential, and its errors are typed", async () => {
  const account = newId();
  const heard: (string | null)[] = [];
  const service: Partial<ServiceImpl<typeof SupportService>> = {
    listAuditLog: ({ accountId, pageToken }, context) => {
      heard.push(context.requestHeader.get("authorization"));
      assert.equal(accountId, account);
      return pageToken === "" ? { events: [{ seq: 3n }, { seq: 2n }], nextPageToken: "more" } : { events: [{ seq: 1n }] };
    },
    listSupportCases: ({ pageToken }) => (pageToken === "" ? { cases: [{ caseId: "a" }], nextPageToken: "b" } : { cases: [{ caseId: pageToken }] }),
    approveTwoStepReset: () => {
      throw new ConnectError("no", Code.FailedPrecondition, undefined, [
        { desc: ErrorInfoSchema, value: { reason: "SECOND_OPERATOR_REQUIRED", domain: "kpm" } },
      ]);
    },
  };
  const server = createServer(connectNodeAdapter({ routes: (router) => router.service(SupportService, service) }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const support = new SupportClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, "kpm-operator-1");
  try {
    const [events, cases] = [[] as bigint[], [] as string[]];
    for await (const { seq } of support.auditLog(account)) {
      events.push(seq);
    }
    for await (const { caseId } of support.openCases()) {
      cases.push(caseId);
    }
    assert.deepEqual([events, cases], [[3n, 2n, 1n], ["a", "b"]]);
    assert.deepEqual(heard, ["Bearer kpm-operator-1", "Bearer kpm-operator-1"]);
    await assert.rejects(
      support.calls.approveTwoStepReset({ caseId: newId() }),
      (error) => error instanceof RpcError && error.reason === ErrorReason.SECOND_OPERATOR_REQUIRED,
    );
  } finally {
    support.close();
    server.close();
  }
});
