// @qdrant/js-client-rest against orthantd.

import assert from "node:assert/strict";
import { test } from "node:test";
import { QdrantClient } from "@qdrant/js-client-rest";

const client = new QdrantClient({ url: process.argv[2] });
const model = "all-MiniLM-L6-v2";

async function fresh(name, size = 4) {
  await client.deleteCollection(name);
  await client.createCollection(name, { vectors: { size, distance: "Cosine" }, optimizers_config: { default_segment_number: 2 }, replication_factor: 2 });
}

async function refusal(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  assert.fail("the call should have been refused");
}

test("collections live and die", async () => {
  await fresh("js");
  assert.ok((await client.getCollections()).collections.some(({ name }) => name === "js"));
  assert.equal((await client.collectionExists("js")).exists, true);
  const info = await client.getCollection("js");
  assert.equal(info.config.params.vectors.size, 4);
  assert.equal(info.config.params.replication_factor, 2);
  assert.equal(info.status, "green");
  await client.updateCollection("js", { optimizers_config: { indexing_threshold: 50 } });
  assert.equal((await client.getCollection("js")).config.optimizer_config.indexing_threshold, 50);
  assert.equal((await refusal(() => client.createCollection("js", { vectors: { size: 4, distance: "Dot" } }))).status, 409);
  assert.equal(await client.deleteCollection("js"), true);
  assert.equal((await refusal(() => client.getCollection("js"))).status, 404);
});

test("points are written, read and searched", async () => {
  await fresh("js");
  const points = [
    { id: 1, vector: [0.05, 0.61, 0.76, 0.74], payload: { city: "Berlin", population: 1000000 } },
    { id: 2, vector: [0.19, 0.81, 0.75, 0.11], payload: { city: ["Berlin", "London"] } },
    { id: "98a9a4b1-4ef2-46fb-8315-a97d874fe1d7", vector: [0.24, 0.18, 0.22, 0.44], payload: { city: "Moscow" } },
  ];
  assert.equal((await client.upsert("js", { wait: true, points })).status, "completed");
  await client.createPayloadIndex("js", { field_name: "city", field_schema: "keyword", wait: true });
  const found = await client.query("js", { query: [0.2, 0.1, 0.9, 0.7], limit: 3, with_payload: true });
  assert.equal(found.points.length, 3);
  assert.ok(found.points[0].score >= found.points[1].score);
  const filtered = await client.query("js", { query: 1, filter: { must: [{ key: "city", match: { value: "London" } }] } });
  assert.deepEqual(filtered.points.map(({ id }) => id), [2]);
  const withVector = await client.query("js", { query: [0.2, 0.1, 0.9, 0.7], limit: 2, with_vector: true });
  assert.equal(withVector.points[0].vector.length, 4);
  const batch = await client.queryBatch("js", { searches: [{ query: [1, 0, 0, 0], limit: 1 }, { query: [0, 1, 0, 0], limit: 2 }] });
  assert.deepEqual(batch.map(({ points }) => points.length), [1, 2]);
  const record = await client.retrieve("js", { ids: [points[2].id], with_payload: true });
  assert.equal(record[0].payload.city, "Moscow");
  const page = await client.scroll("js", { limit: 2 });
  assert.equal(page.next_page_offset, points[2].id);
  assert.equal((await client.count("js", { exact: true })).count, 3);
  await client.setPayload("js", { payload: { seen: true }, points: [1], wait: true });
  assert.deepEqual((await client.retrieve("js", { ids: [1] }))[0].payload, { city: "Berlin", population: 1000000, seen: true });
  await client.delete("js", { filter: { must: [{ key: "city", match: { value: "Moscow" } }] }, wait: true });
  assert.equal((await client.count("js")).count, 2);
  assert.equal((await refusal(() => client.upsert("js", { points: [{ id: 9, vector: [1, 2] }] }))).status, 400);
});

test("sparse vectors and multivectors are queried, alone and together", async () => {
  await client.deleteCollection("kinds");
  await client.createCollection("kinds", {
    vectors: { dense: { size: 2, distance: "Dot" }, late: { size: 2, distance: "Dot", multivector_config: { comparator: "max_sim" } } },
    sparse_vectors: { words: {} },
  });
  await client.upsert("kinds", {
    wait: true,
    points: [1, 2, 3].map((id) => ({
      id,
      vector: { dense: [id, 1], late: [[id, 0], [0, -id]], words: { indices: [id, 9], values: [1, id] } },
      payload: { group: id % 2 ? "odd" : "even", n: id },
    })),
  });
  const ids = async (query) => (await client.query("kinds", query)).points.map(({ id }) => id);
  assert.deepEqual(await ids({ query: { indices: [9], values: [1] }, using: "words" }), [3, 2, 1]);
  assert.deepEqual(await ids({ query: [[0, -1], [1, 0]], using: "late", limit: 1 }), [3]);
  const fused = await ids({
    prefetch: [{ query: [1, 0], using: "dense", limit: 2 }, { query: { indices: [2], values: [1] }, using: "words", limit: 2 }],
    query: { fusion: "rrf" },
  });
  assert.equal(fused[0], 2);
  const groups = await client.queryGroups("kinds", { query: [1, 0], using: "dense", group_by: "group", group_size: 1 });
  assert.deepEqual(groups.groups.map(({ id, hits }) => [id, hits[0].id]), [["odd", 3], ["even", 2]]);
  await client.createPayloadIndex("kinds", { field_name: "group", field_schema: "keyword", wait: true });
  assert.deepEqual((await client.facet("kinds", { key: "group" })).hits, [{ value: "odd", count: 2 }, { value: "even", count: 1 }]);
  const pairs = await client.searchMatrixPairs("kinds", { using: "dense", limit: 1, sample: 3 });
  assert.equal(pairs.pairs.length, 3);
  await client.updateVectors("kinds", { wait: true, points: [{ id: 1, vector: { dense: [50, 1] } }] });
  assert.deepEqual(await ids({ query: [1, 0], using: "dense", limit: 1 }), [1]);
  await client.deleteVectors("kinds", { wait: true, points: [1], vector: ["dense"] });
  assert.deepEqual(await ids({ query: [1, 0], using: "dense" }), [3, 2]);
});

test("aliases and snapshots", async () => {
  await fresh("js");
  await client.upsert("js", { wait: true, points: [{ id: 1, vector: [1, 0, 0, 0] }] });
  await client.updateCollectionAliases({ actions: [{ create_alias: { collection_name: "js", alias_name: "now" } }] });
  assert.equal((await client.count("now")).count, 1);
  assert.deepEqual((await client.getCollectionAliases("js")).aliases, [{ alias_name: "now", collection_name: "js" }]);
  const made = await client.createSnapshot("js");
  assert.deepEqual((await client.listSnapshots("js")).map(({ name }) => name), [made.name]);
  await client.delete("js", { wait: true, points: [1] });
  await client.recoverSnapshot("js", { location: `${process.argv[2]}/collections/js/snapshots/${made.name}` });
  assert.equal((await client.count("now")).count, 1);
  assert.equal(await client.deleteSnapshot("js", made.name), true);
  await client.deleteCollection("js");
  assert.deepEqual((await client.getAliases()).aliases, []);
});

test("texts are encoded inside", async () => {
  await fresh("js", 384);
  const texts = ["the tides follow the moon", "copper conducts heat", "rye bread needs sourdough"];
  await client.upsert("js", { wait: true, points: texts.map((text, id) => ({ id, vector: { text, model }, payload: { text } })) });
  const found = await client.query("js", { query: { text: "baking a loaf", model }, limit: 1, with_payload: true });
  assert.equal(found.points[0].payload.text, texts[2]);
  await client.deleteCollection("js");
});
