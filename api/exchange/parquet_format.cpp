#include "api/exchange/parquet_format.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "api/exchange/thrift_compact.h"
#include "base/bytes.h"

namespace orthant {
namespace {

constexpr std::string_view kMagic = "PAR1";
constexpr std::uint64_t kMaxFooterBytes = std::uint64_t{256} << 20;
constexpr unsigned kMaxNesting = 64;

enum class Repetition { kRequired = 0, kOptional = 1, kRepeated = 2 };

// Logical types, by their field in the union; converted types are turned into these.
enum class Logical {
  kNone = 0,
  kString = 1,
  kMap = 2,
  kList = 3,
  kEnum = 4,
  kDecimal = 5,
  kDate = 6,
  kTime = 7,
  kTimestamp = 8,
  kInteger = 10,
  kUnknown = 11,
  kJson = 12,
  kBson = 13,
  kUuid = 14,
  kFloat16 = 15,
};

struct SchemaNode {
  std::string name;
  std::optional<ParquetType> type;  // nothing: a group
  std::int64_t type_bytes = 0;
  Repetition repetition = Repetition::kRequired;
  std::int64_t children = 0;
  Logical logical = Logical::kNone;
  bool is_signed = true;
  bool in_utc = false;
  std::uint32_t units_a_second = 1'000;
};

void read_time_unit(ThriftReader& thrift, ThriftType type, SchemaNode& node) {
  thrift.expect_struct(type);
  thrift.fields([&](std::int16_t unit, ThriftType) {
    node.units_a_second = unit == 1 ? 1'000 : unit == 2 ? 1'000'000 : 1'000'000'000;
    return false;
  });
}

void read_logical_type(ThriftReader& thrift, ThriftType type, SchemaNode& node) {
  thrift.expect_struct(type);
  thrift.fields([&](std::int16_t which, ThriftType value) {
    node.logical = static_cast<Logical>(which);
    if (node.logical != Logical::kInteger && node.logical != Logical::kTimestamp) return false;
    thrift.expect_struct(value);
    thrift.fields([&](std::int16_t id, ThriftType member) {
      if (node.logical == Logical::kInteger && id == 2) {
        node.is_signed = thrift.boolean(member);
        return true;
      }
      if (node.logical == Logical::kTimestamp && id == 1) {
        node.in_utc = thrift.boolean(member);
        return true;
      }
      if (node.logical == Logical::kTimestamp && id == 2) {
        read_time_unit(thrift, member, node);
        return true;
      }
      return false;
    });
    return true;
  });
}

// The older way to say the same.
void take_converted_type(std::int64_t converted, SchemaNode& node) {
  switch (converted) {
    case 0: node.logical = Logical::kString; break;
    case 1:
    case 2: node.logical = Logical::kMap; break;
    case 3: node.logical = Logical::kList; break;
    case 4: node.logical = Logical::kEnum; break;
    case 5: node.logical = Logical::kDecimal; break;
    case 6: node.logical = Logical::kDate; break;
    case 7:
    case 8: node.logical = Logical::kTime; break;
    case 9:
    case 10:
      node.logical = Logical::kTimestamp;
      node.in_utc = true;
      node.units_a_second = converted == 9 ? 1'000 : 1'000'000;
      break;
    case 19: node.logical = Logical::kJson; break;
    case 20: node.logical = Logical::kBson; break;
    default:
      if (converted >= 11 && converted <= 18) {
        node.logical = Logical::kInteger;
        node.is_signed = converted >= 15;
      } else {
        node.logical = Logical::kUnknown;
      }
  }
}

SchemaNode read_schema_node(ThriftReader& thrift, ThriftType type) {
  SchemaNode node;
  std::optional<std::int64_t> converted;
  thrift.expect_struct(type);
  thrift.fields([&](std::int16_t id, ThriftType value) {
    switch (id) {
      case 1: node.type = static_cast<ParquetType>(thrift.integer(value)); return true;
      case 2: node.type_bytes = thrift.integer(value); return true;
      case 3: node.repetition = static_cast<Repetition>(thrift.integer(value)); return true;
      case 4: node.name = thrift.binary(value); return true;
      case 5: node.children = thrift.integer(value); return true;
      case 6: converted = thrift.integer(value); return true;
      case 10: read_logical_type(thrift, value, node); return true;
      default: return false;
    }
  });
  if (converted && node.logical == Logical::kNone) take_converted_type(*converted, node);
  return node;
}

// Negative numbers become 0: they are no places and no sizes.
std::uint64_t natural(std::int64_t value) {
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

ParquetChunk read_chunk_metadata(ThriftReader& thrift, ThriftType type) {
  ParquetChunk chunk;
  std::uint64_t dictionary_at = 0;
  thrift.expect_struct(type);
  thrift.fields([&](std::int16_t id, ThriftType value) {
    switch (id) {
      case 1: chunk.type = static_cast<ParquetType>(thrift.integer(value)); return true;
      case 4: chunk.codec = static_cast<std::int32_t>(thrift.integer(value)); return true;
      case 5: chunk.values = natural(thrift.integer(value)); return true;
      case 7: chunk.bytes = natural(thrift.integer(value)); return true;
      case 9: chunk.at = natural(thrift.integer(value)); return true;
      case 11: dictionary_at = natural(thrift.integer(value)); return true;
      default: return false;
    }
  });
  if (dictionary_at > 0) chunk.at = std::min(chunk.at, dictionary_at);
  return chunk;
}

ParquetRowGroup read_row_group(ThriftReader& thrift, ThriftType type) {
  ParquetRowGroup group;
  thrift.expect_struct(type);
  thrift.fields([&](std::int16_t id, ThriftType value) {
    if (id == 3) {
      group.rows = natural(thrift.integer(value));
      return true;
    }
    if (id != 1) return false;
    thrift.elements(value, [&](ThriftType column) {
      group.chunks.emplace_back();
      thrift.expect_struct(column);
      thrift.fields([&](std::int16_t member, ThriftType member_type) {
        if (member != 3) return false;
        group.chunks.back() = read_chunk_metadata(thrift, member_type);
        return true;
      });
    });
    return true;
  });
  return group;
}

ParquetMeaning meaning_of(const SchemaNode& node) {
  switch (node.logical) {
    case Logical::kString:
    case Logical::kEnum: return ParquetMeaning::kText;
    case Logical::kJson: return ParquetMeaning::kJson;
    case Logical::kUuid: return ParquetMeaning::kUuid;
    case Logical::kDate: return ParquetMeaning::kDate;
    case Logical::kTimestamp: return ParquetMeaning::kTimestamp;
    case Logical::kFloat16: return ParquetMeaning::kFloat;
    case Logical::kInteger: return node.is_signed ? ParquetMeaning::kSigned : ParquetMeaning::kUnsigned;
    case Logical::kNone: break;
    default: return ParquetMeaning::kOther;
  }
  switch (*node.type) {
    case ParquetType::kBoolean: return ParquetMeaning::kBoolean;
    case ParquetType::kInt32:
    case ParquetType::kInt64: return ParquetMeaning::kSigned;
    case ParquetType::kFloat:
    case ParquetType::kDouble: return ParquetMeaning::kFloat;
    case ParquetType::kByteArray:
    case ParquetType::kFixedBytes: return ParquetMeaning::kBytes;
    default: return ParquetMeaning::kOther;
  }
}

bool type_fits(const SchemaNode& node, ParquetMeaning meaning) {
  const ParquetType type = *node.type;
  const bool integer = type == ParquetType::kInt32 || type == ParquetType::kInt64;
  switch (meaning) {
    case ParquetMeaning::kBoolean: return type == ParquetType::kBoolean;
    case ParquetMeaning::kSigned:
    case ParquetMeaning::kUnsigned: return integer;
    case ParquetMeaning::kDate: return type == ParquetType::kInt32;
    case ParquetMeaning::kTimestamp: return type == ParquetType::kInt64;
    case ParquetMeaning::kText:
    case ParquetMeaning::kJson: return type == ParquetType::kByteArray;
    case ParquetMeaning::kBytes: return type == ParquetType::kByteArray || type == ParquetType::kFixedBytes;
    case ParquetMeaning::kUuid: return type == ParquetType::kFixedBytes && node.type_bytes == 16;
    case ParquetMeaning::kFloat:
      if (node.logical == Logical::kFloat16) return type == ParquetType::kFixedBytes && node.type_bytes == 2;
      return type == ParquetType::kFloat || type == ParquetType::kDouble;
    case ParquetMeaning::kOther: return false;
  }
  return false;
}

// Walks the schema, which lists its nodes depth first.
class SchemaWalk {
 public:
  explicit SchemaWalk(const std::vector<SchemaNode>& nodes) : nodes_(nodes) {}

  // Nothing where the numbers of children do not fit the list.
  std::optional<std::vector<ParquetColumn>> columns() {
    std::vector<ParquetColumn> columns;
    if (nodes_.empty()) return std::nullopt;
    const std::int64_t fields = nodes_[next_++].children;
    for (std::int64_t i = 0; i < fields; ++i) {
      ParquetColumn column;
      column.first_leaf = leaves_;
      const std::size_t top = next_;
      if (!pass(0)) return std::nullopt;
      column.name = nodes_[top].name;
      describe(top, 0, column);
      columns.push_back(std::move(column));
    }
    if (next_ != nodes_.size()) return std::nullopt;
    return columns;
  }
  std::size_t leaves() const { return leaves_; }

 private:
  // Steps over one node and what is below it.
  bool pass(unsigned depth) {
    if (next_ >= nodes_.size() || depth > kMaxNesting) return false;
    const SchemaNode& node = nodes_[next_++];
    if (node.type) {
      ++leaves_;
      return node.children == 0;
    }
    for (std::int64_t i = 0; i < node.children; ++i) {
      if (!pass(depth + 1)) return false;
    }
    return true;
  }

  struct Place {
    std::size_t node = 0;
    unsigned definition = 0;
  };
  // From a group whose only child is repeated, a leaf or a group around a leaf, to that leaf. False: it is no such group.
  bool enter_list(Place& place, unsigned& element_definition) const {
    const SchemaNode& list = nodes_[place.node];
    if (list.type || list.children != 1 || nodes_[place.node + 1].repetition != Repetition::kRepeated) return false;
    const SchemaNode& repeated = nodes_[++place.node];
    element_definition = ++place.definition;
    if (!repeated.type && repeated.children == 1 && nodes_[place.node + 1].repetition != Repetition::kRepeated) {
      ++place.node;
      if (nodes_[place.node].repetition == Repetition::kOptional) ++place.definition;
    }
    return true;
  }

  // Steps over the node and what is below it, and counts leaves.
  void step_over(std::size_t& node, std::size_t& leaf) const {
    for (std::int64_t open = 1; open > 0; ++node) {
      open += nodes_[node].children - 1;
      if (nodes_[node].type) ++leaf;
    }
  }

  void describe_members(Place place, ParquetColumn& column) const {
    const std::int64_t count = nodes_[place.node].children;
    std::size_t node = place.node + 1;
    std::size_t leaf = column.first_leaf;
    for (std::int64_t i = 0; i < count; ++i) {
      ParquetColumn& member = column.members.emplace_back();
      member.first_leaf = leaf;
      member.name = nodes_[node].name;
      describe(node, place.definition, member);
      step_over(node, leaf);
    }
  }

  // `outer`: the definition level of what it stands in.
  void describe(std::size_t top, unsigned outer, ParquetColumn& column) const {
    const bool repeated = nodes_[top].repetition == Repetition::kRepeated;
    Place place{top, outer + (nodes_[top].repetition == Repetition::kRequired ? 0 : 1)};
    column.is_list = repeated || enter_list(place, column.element_definition);
    if (repeated) column.element_definition = place.definition;
    column.is_list_of_lists = column.is_list && enter_list(place, column.inner_definition);
    column.max_definition = place.definition;
    const SchemaNode& node = nodes_[place.node];
    constexpr const char* kNested = "nested deeper than a list of plain values";
    if (!node.type) {
      column.problem = kNested;
      column.is_list_of_lists = false;
      if (!column.is_list) describe_members(place, column);
      return;
    }
    describe_values(node, column);
    if (!column.is_list_of_lists) return;
    const bool numbers = column.meaning == ParquetMeaning::kFloat || column.meaning == ParquetMeaning::kSigned ||
                         column.meaning == ParquetMeaning::kUnsigned;
    column.is_list_of_lists = numbers && column.problem.empty();
    if (column.problem.empty()) column.problem = kNested;
  }

  static void describe_values(const SchemaNode& node, ParquetColumn& column) {
    column.type = *node.type;
    column.type_bytes = static_cast<std::uint32_t>(std::clamp<std::int64_t>(node.type_bytes, 0, 1 << 30));
    column.meaning = meaning_of(node);
    column.is_float16 = node.logical == Logical::kFloat16;
    column.in_utc = node.in_utc;
    column.units_a_second = node.units_a_second;
    if (!type_fits(node, column.meaning))
      column.problem = "its type is not supported (decimal, time, interval, map, INT96 and BSON are not)";
    if (column.type == ParquetType::kFixedBytes && column.type_bytes == 0) column.problem = "values of no bytes";
  }

  const std::vector<SchemaNode>& nodes_;
  std::size_t next_ = 0;
  std::size_t leaves_ = 0;
};

Status check_row_groups(const InputFile& file, const ParquetFormat& format, std::size_t leaves) {
  std::uint64_t rows = 0;
  for (const ParquetRowGroup& group : format.row_groups) {
    if (group.chunks.size() != leaves) {
      return file.damaged(fmt::format("a row group of {} columns, the schema has {}", group.chunks.size(), leaves));
    }
    if (group.rows > format.rows - rows) return file.damaged("the row groups hold more rows than the file says");
    rows += group.rows;
    for (const ParquetChunk& chunk : group.chunks) ORTHANT_TRY(file.check_range(chunk.at, chunk.bytes, 1));
  }
  if (rows != format.rows) return file.damaged(fmt::format("{} rows in row groups, the file says {}", rows, format.rows));
  return {};
}

}  // namespace

Result<ParquetFormat> read_parquet_format(const InputFile& file) {
  constexpr std::uint64_t kEndBytes = 8;
  if (file.size() < 2 * kMagic.size() + kEndBytes - kMagic.size()) return file.refused("not a Parquet file");
  const auto end = ORTHANT_TRY(file.read_array<std::uint8_t>(file.size() - kEndBytes, kEndBytes));
  ByteReader reader(as_string_view(end));
  const std::uint64_t footer_bytes = reader.read<std::uint32_t>().value_or(0);
  if (reader.rest() == "PARE") return file.refused("encrypted Parquet is not supported");
  if (reader.rest() != kMagic) return file.refused("not a Parquet file");
  if (footer_bytes > file.size() - kEndBytes || footer_bytes > kMaxFooterBytes) {
    return file.damaged(fmt::format("a footer of {} bytes in a file of {}", footer_bytes, file.size()));
  }
  const auto footer = ORTHANT_TRY(file.read_array<std::uint8_t>(file.size() - kEndBytes - footer_bytes, footer_bytes));

  ParquetFormat format;
  std::vector<SchemaNode> nodes;
  ThriftReader thrift(as_string_view(footer));
  thrift.fields([&](std::int16_t id, ThriftType type) {
    switch (id) {
      case 2: thrift.elements(type, [&](ThriftType element) { nodes.push_back(read_schema_node(thrift, element)); }); return true;
      case 3: format.rows = natural(thrift.integer(type)); return true;
      case 4:
        thrift.elements(type, [&](ThriftType element) { format.row_groups.push_back(read_row_group(thrift, element)); });
        return true;
      default: return false;
    }
  });
  SchemaWalk walk(nodes);
  auto columns = thrift.failed() ? std::nullopt : walk.columns();
  if (!columns) return file.damaged("its footer does not read as Parquet metadata");
  format.columns = std::move(*columns);
  ORTHANT_TRY(check_row_groups(file, format, walk.leaves()));
  return format;
}

std::optional<ParquetPageHeader> parse_page_header(std::string_view bytes) {
  ParquetPageHeader header;
  bool in_range = true;
  const auto size = [&](ThriftReader& thrift, ThriftType type) {
    const std::int64_t value = thrift.integer(type);
    in_range = in_range && value >= 0 && value <= std::numeric_limits<std::int32_t>::max();
    return static_cast<std::uint32_t>(value);
  };
  ThriftReader thrift(bytes);
  thrift.fields([&](std::int16_t id, ThriftType type) {
    switch (id) {
      case 1: header.page = static_cast<ParquetPage>(thrift.integer(type)); return true;
      case 2: header.unpacked_bytes = size(thrift, type); return true;
      case 3: header.bytes = size(thrift, type); return true;
      case 5:
      case 7:
      case 8: break;
      default: return false;
    }
    thrift.expect_struct(type);
    thrift.fields([&](std::int16_t member, ThriftType value) {
      if (member == 1) {
        header.values = size(thrift, value);
      } else if (member == (id == 8 ? 4 : 2)) {
        header.encoding = static_cast<std::int32_t>(thrift.integer(value));
      } else if (id == 5 && member == 3) {
        header.definition_encoding = static_cast<std::int32_t>(thrift.integer(value));
      } else if (id == 5 && member == 4) {
        header.repetition_encoding = static_cast<std::int32_t>(thrift.integer(value));
      } else if (id == 8 && member == 5) {
        header.definition_bytes = size(thrift, value);
      } else if (id == 8 && member == 6) {
        header.repetition_bytes = size(thrift, value);
      } else if (id == 8 && member == 7) {
        header.packed = thrift.boolean(value);
      } else {
        return false;
      }
      return true;
    });
    return true;
  });
  if (thrift.failed() || !in_range) return std::nullopt;
  header.header_bytes = static_cast<std::uint32_t>(bytes.size() - thrift.rest().size());
  return header;
}

}  // namespace orthant
