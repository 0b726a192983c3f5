#include <algorithm>
#include <cstdio>
#include <set>

#include "common.h"

namespace outright::test {

void RunSupport(const Suite& suite, Device& device, const Options& options) {
  std::set<std::string> seen;
  std::printf("backend,op,dtype,supported,reason\n");
  for (const Entry& entry : suite.cases) {
    if (!Selected(options, entry.op, entry.name) || seen.count(entry.op) != 0) continue;
    const Case c = entry.build();
    if (c.expected != OUTRIGHT_OK) continue;
    seen.insert(entry.op);
    for (const int32_t dtype : {OUTRIGHT_FLOAT32, OUTRIGHT_BFLOAT16, OUTRIGHT_FLOAT16, OUTRIGHT_FLOAT64}) {
      const outright_status status = Execution(device, c, dtype).Run();
      std::string reason = status == OUTRIGHT_OK ? "" : device.LastError();
      std::replace(reason.begin(), reason.end(), '"', '\'');
      std::printf("%s,%s,%s,%s,\"%s\"\n", device.api().name, c.op.c_str(), DtypeName(dtype),
                  status == OUTRIGHT_OK ? "yes" : "no", reason.c_str());
    }
  }
}

}  // namespace outright::test
