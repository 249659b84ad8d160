"""Integrations that people bring, against orthantd: langchain-qdrant, llama-index-vector-stores-qdrant and qdrant-haystack, with
embeddings from the daemon's own /v1/embeddings through OpenAI's client."""

import sys
import unittest
import uuid

from haystack import Document as HaystackDocument
from haystack_integrations.components.retrievers.qdrant import QdrantEmbeddingRetriever
from haystack.document_stores.types import DuplicatePolicy
from haystack_integrations.document_stores.qdrant import QdrantDocumentStore
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_qdrant import QdrantVectorStore, RetrievalMode
from langchain_qdrant.sparse_embeddings import SparseEmbeddings, SparseVector
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (FilterCondition, FilterOperator, MetadataFilter, MetadataFilters, VectorStoreQuery,
                                                  VectorStoreQueryMode)
from llama_index.vector_stores.qdrant import QdrantVectorStore as LlamaStore
from openai import OpenAI
from qdrant_client import AsyncQdrantClient, QdrantClient, models

URL = sys.argv.pop(1)
MODEL = "all-MiniLM-L6-v2"
TEXTS = {
    "The moon moves the tides of the sea.": {"topic": "sky", "year": 1999},
    "Saturn has rings of ice and dust.": {"topic": "sky", "year": 2004},
    "Bread rises because yeast makes gas.": {"topic": "kitchen", "year": 2010},
    "Salt keeps fish from spoiling.": {"topic": "kitchen", "year": 2015},
    "A contract needs an offer and its acceptance.": {"topic": "law", "year": 2020},
    "The court heard both parties.": {"topic": "law", "year": 2021},
}
openai = OpenAI(base_url=f"{URL}/v1", api_key="none")


def embed(texts):
    answer = openai.embeddings.create(model=MODEL, input=list(texts), encoding_format="float")
    return [one.embedding for one in answer.data]


class DaemonEmbeddings(Embeddings):
    def embed_documents(self, texts):
        return embed(texts)

    def embed_query(self, text):
        return embed([text])[0]


class WordCounts(SparseEmbeddings):
    """A sparse embedding that needs no model: the words of a text by a hash."""

    def vector(self, text):
        counts = {}
        for word in text.lower().replace(".", "").split():
            index = sum(ord(letter) * 31**place for place, letter in enumerate(word)) % 1_000_003
            counts[index] = counts.get(index, 0) + 1.0
        return SparseVector(indices=list(counts), values=list(counts.values()))

    def embed_documents(self, texts):
        return [self.vector(text) for text in texts]

    def embed_query(self, text):
        return self.vector(text)


def new_name(what):
    return f"{what}-{uuid.uuid4().hex[:8]}"


class LangChain(unittest.TestCase):
    def store(self, **options):
        documents = [Document(page_content=text, metadata=meta) for text, meta in TEXTS.items()]
        return QdrantVectorStore.from_documents(documents, embedding=DaemonEmbeddings(), url=URL, collection_name=new_name("langchain"),
                                                **options)

    def test_finds_with_scores_filters_and_by_vector(self):
        store = self.store()
        best, score = store.similarity_search_with_score("Why does dough grow?", k=1)[0]
        self.assertTrue(best.page_content.startswith("Bread"))
        self.assertGreater(score, 0.3)
        law = models.Filter(must=[models.FieldCondition(key="metadata.topic", match=models.MatchValue(value="law"))])
        found = store.similarity_search("planets", k=6, filter=law)
        self.assertEqual({one.metadata["topic"] for one in found}, {"law"})
        self.assertEqual(len(found), 2)
        by_vector = store.similarity_search_by_vector(embed(["a judge"])[0], k=1)
        self.assertEqual(by_vector[0].metadata["topic"], "law")
        late = models.Filter(must=[models.FieldCondition(key="metadata.year", range=models.Range(gte=2015))])
        self.assertEqual({one.metadata["year"] for one in store.similarity_search("anything", k=9, filter=late)}, {2015, 2020, 2021})

    def test_finds_diverse_results(self):
        found = self.store().max_marginal_relevance_search("space", k=3, fetch_k=6, lambda_mult=0.2)
        self.assertEqual(len(found), 3)
        self.assertEqual(found[0].metadata["topic"], "sky")
        self.assertGreater(len({one.metadata["topic"] for one in found}), 1)

    def test_adds_reads_and_deletes_by_ids(self):
        store = self.store()
        identity = str(uuid.uuid4())
        self.assertEqual(store.add_texts(["Rust is iron oxide."], metadatas=[{"topic": "chemistry"}], ids=[identity]), [identity])
        self.assertEqual(store.get_by_ids([identity])[0].page_content, "Rust is iron oxide.")
        self.assertEqual(store.similarity_search("corroded metal", k=1)[0].metadata["topic"], "chemistry")
        self.assertTrue(store.delete([identity]))
        self.assertEqual(store.get_by_ids([identity]), [])

    def test_opens_an_existing_collection_and_serves_as_retriever(self):
        name = self.store().collection_name
        store = QdrantVectorStore.from_existing_collection(collection_name=name, embedding=DaemonEmbeddings(), url=URL)
        self.assertEqual(store.as_retriever(search_kwargs={"k": 2}).invoke("the ocean and the moon")[0].metadata["year"], 1999)
        with self.assertRaises(Exception):
            QdrantVectorStore.from_existing_collection(collection_name="missing", embedding=DaemonEmbeddings(), url=URL)

    def test_searches_sparse_and_hybrid(self):
        options = {"sparse_embedding": WordCounts(), "sparse_vector_name": "words"}
        sparse = self.store(retrieval_mode=RetrievalMode.SPARSE, **options)
        self.assertEqual(sparse.similarity_search("yeast", k=3)[0].metadata["year"], 2010)
        self.assertEqual(len(sparse.similarity_search("yeast", k=3)), 1)
        hybrid = self.store(retrieval_mode=RetrievalMode.HYBRID, vector_name="dense", **options)
        self.assertEqual(hybrid.similarity_search("ring around a planet made of dust", k=2)[0].metadata["year"], 2004)


class LlamaIndex(unittest.TestCase):
    def setUp(self):
        self.client = QdrantClient(URL, timeout=60)

    def nodes(self):
        nodes = []
        for (text, meta), vector in zip(TEXTS.items(), embed(TEXTS)):
            source = RelatedNodeInfo(node_id=f"doc-{meta['topic']}")
            nodes.append(TextNode(id_=str(uuid.uuid4()), text=text, metadata=meta, embedding=vector,
                                  relationships={NodeRelationship.SOURCE: source}))
        return nodes

    def query(self, store, text, k=2, **options):
        return store.query(VectorStoreQuery(query_embedding=embed([text])[0], query_str=text, similarity_top_k=k, **options))

    def test_adds_queries_and_filters(self):
        store = LlamaStore(collection_name=new_name("llama"), client=self.client)
        nodes = self.nodes()
        self.assertEqual(store.add(nodes), [node.node_id for node in nodes])
        answer = self.query(store, "baking")
        self.assertEqual(answer.nodes[0].metadata["topic"], "kitchen")
        self.assertEqual(len(answer.similarities), 2)
        late_law = MetadataFilters(condition=FilterCondition.AND, filters=[
            MetadataFilter(key="topic", value="law"), MetadataFilter(key="year", value=2020, operator=FilterOperator.GT)])
        self.assertEqual([node.metadata["year"] for node in self.query(store, "x", 6, filters=late_law).nodes], [2021])
        listed = MetadataFilters(filters=[MetadataFilter(key="topic", value=["sky", "law"], operator=FilterOperator.IN)])
        self.assertEqual(len(self.query(store, "x", 6, filters=listed).nodes), 4)

    def test_reads_deletes_and_clears(self):
        store = LlamaStore(collection_name=new_name("llama"), client=self.client)
        nodes = self.nodes()
        store.add(nodes)
        self.assertEqual(len(store.get_nodes([nodes[0].node_id, nodes[3].node_id])), 2)
        store.delete("doc-sky")
        self.assertEqual({node.metadata["topic"] for node in self.query(store, "x", 9).nodes}, {"kitchen", "law"})
        store.delete_nodes([nodes[2].node_id])
        self.assertEqual(len(self.query(store, "x", 9).nodes), 3)
        store.clear()
        self.assertFalse(self.client.collection_exists(store.collection_name))

    def test_searches_hybrid_with_its_own_sparse_vectors(self):
        def words(texts):
            vectors = [WordCounts().vector(text) for text in texts]
            return [vector.indices for vector in vectors], [vector.values for vector in vectors]

        store = LlamaStore(collection_name=new_name("llama"), client=self.client, enable_hybrid=True, sparse_doc_fn=words, sparse_query_fn=words)
        store.add(self.nodes())
        answer = self.query(store, "acceptance of an offer", 3, sparse_top_k=3, mode=VectorStoreQueryMode.HYBRID)
        self.assertEqual(answer.nodes[0].metadata["year"], 2020)
        self.assertGreaterEqual(len(answer.nodes), 2)


class LlamaIndexAsync(unittest.IsolatedAsyncioTestCase):
    async def test_adds_and_queries(self):
        client = AsyncQdrantClient(URL, timeout=60)
        store = LlamaStore(collection_name=new_name("llama"), aclient=client)
        vectors = embed(TEXTS)
        await store.async_add([TextNode(text=text, metadata=meta, embedding=vector) for (text, meta), vector in zip(TEXTS.items(), vectors)])
        answer = await store.aquery(VectorStoreQuery(query_embedding=vectors[4], similarity_top_k=1))
        self.assertEqual(answer.nodes[0].metadata["year"], 2020)
        await client.close()


class Haystack(unittest.TestCase):
    def store(self, **options):
        store = QdrantDocumentStore(url=URL, index=new_name("haystack"), embedding_dim=384, progress_bar=False, **options)
        documents = [HaystackDocument(content=text, meta=meta, embedding=vector) for (text, meta), vector in zip(TEXTS.items(), embed(TEXTS))]
        self.assertEqual(store.write_documents(documents), len(TEXTS))
        return store, documents

    def test_writes_counts_filters_and_deletes(self):
        store, documents = self.store()
        self.assertEqual(store.count_documents(), len(TEXTS))
        late = {"operator": "AND", "conditions": [{"field": "meta.year", "operator": ">=", "value": 2010},
                                                  {"field": "meta.topic", "operator": "in", "value": ["kitchen", "law"]}]}
        self.assertEqual({one.meta["year"] for one in store.filter_documents(late)}, {2010, 2015, 2020, 2021})
        neither = {"operator": "NOT", "conditions": [{"field": "meta.topic", "operator": "==", "value": "law"}]}
        self.assertEqual({one.meta["topic"] for one in store.filter_documents(neither)}, {"sky", "kitchen"})
        store.delete_documents([documents[0].id])
        self.assertEqual(store.count_documents(), len(TEXTS) - 1)

    def test_retrieves_by_embedding(self):
        store, documents = self.store()
        retriever = QdrantEmbeddingRetriever(document_store=store, top_k=2, return_embedding=True)
        found = retriever.run(query_embedding=embed(["preserving food"])[0])["documents"]
        self.assertEqual(found[0].meta["topic"], "kitchen")
        self.assertGreater(found[0].score, found[1].score)
        same = next(one for one in documents if one.content == found[0].content)
        for given, kept in zip(same.embedding, found[0].embedding):
            self.assertAlmostEqual(given, kept, places=5)

    def test_updates_metadata_in_place(self):
        store, documents = self.store()
        store.write_documents([HaystackDocument(id=documents[1].id, content="changed", meta={"topic": "new"}, embedding=documents[1].embedding)],
                              policy=DuplicatePolicy.OVERWRITE)
        self.assertEqual(store.count_documents(), len(TEXTS))
        self.assertEqual(store.filter_documents({"field": "meta.topic", "operator": "==", "value": "new"})[0].content, "changed")


unittest.main(verbosity=2)
