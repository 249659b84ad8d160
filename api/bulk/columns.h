#pragma once
// The parameters that say what the columns of Arrow and Parquet bodies are: ?id_column=, ?text_column=,
// ?vector_columns=COLUMN:VECTOR,COLUMN (into ?vector= or the default one), ?payload_columns=A,B.

#include "api/bulk/column_choice.h"
#include "api/bulk/document_line.h"
#include "api/http/message.h"
#include "engine/requests.h"

namespace orthant::bulk {

Result<ColumnMapping> column_mapping(const Request& request, const LineTarget& target, const CollectionConfig& config);

}  // namespace orthant::bulk
