#include "engine/engine_impl.h"

namespace orthant {

std::vector<PoolFigures> Engine::pools() const {
  std::vector<PoolFigures> all;
  for (const ThreadPool* pool : {&impl_->encode_pool, &impl_->bulk_encode_pool, &impl_->search_pool, &impl_->write_pool,
                                 &impl_->background_pool, &impl_->request_pool, &impl_->catalog_pool}) {
    all.push_back({pool->name(), pool->thread_count(), pool->queued()});
  }
  return all;
}

std::map<std::string, std::map<std::string, UnindexedField>> Engine::unindexed_fields() const {
  std::map<std::string, std::map<std::string, UnindexedField>> all;
  for (const std::string& name : collection_names()) {
    const auto entry = impl_->find_entry(name);
    if (entry && entry->collection) all.emplace(name, entry->collection->unindexed_fields());
  }
  return all;
}

void Engine::forget_unindexed_fields() const {
  for (const std::string& name : collection_names()) {
    const auto entry = impl_->find_entry(name);
    if (entry && entry->collection) entry->collection->forget_unindexed_fields();
  }
}

std::map<std::string, std::uint64_t> Engine::store_figures() const {
  return impl_->store->figures();
}

}  // namespace orthant
