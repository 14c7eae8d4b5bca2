// The independent validator: plain pairwise checks, no code of the planner.
#include <map>
#include <sstream>
#include <utility>

#include "caffe_ext/memory/planner.hpp"

namespace two_stream {

std::string CheckProblem(const MemoryProblem& problem) {
  std::ostringstream fault;
  if (problem.alignment == 0 ||
      (problem.alignment & (problem.alignment - 1)) != 0) {
    fault << "alignment " << problem.alignment << " is not a power of two";
    return fault.str();
  }
  for (const Buffer& b : problem.buffers) {
    if (b.first < 0 || b.last < b.first) {
      fault << "buffer " << b.name << " lives in steps [" << b.first << ", "
            << b.last << "]";
      return fault.str();
    }
  }
  const int count = static_cast<int>(problem.buffers.size());
  for (const Overlay& o : problem.overlays) {
    if (o.reader < 0 || o.reader >= count || o.writer < 0 ||
        o.writer >= count || o.reader == o.writer) {
      fault << "overlay of buffers " << o.reader << " and " << o.writer
            << ", but there are " << count;
      return fault.str();
    }
    const Buffer& reader = problem.buffers[o.reader];
    const Buffer& writer = problem.buffers[o.writer];
    if (reader.last != writer.first) {
      fault << "overlay: " << reader.name << " is last read in step "
            << reader.last << ", " << writer.name << " first written in step "
            << writer.first;
      return fault.str();
    }
  }
  return "";
}

std::string CheckPlan(const MemoryProblem& problem, const MemoryPlan& plan) {
  const std::string fault = CheckProblem(problem);
  if (!fault.empty()) return fault;
  std::ostringstream out;
  const size_t count = problem.buffers.size();
  if (plan.offsets.size() != count) {
    out << count << " buffers, " << plan.offsets.size() << " offsets";
    return out.str();
  }
  std::map<std::pair<size_t, size_t>, int64_t> leads;
  for (const Overlay& o : problem.overlays) {
    const auto inserted = leads.insert(
        {{static_cast<size_t>(o.reader), static_cast<size_t>(o.writer)},
         o.min_lead});
    if (o.min_lead < inserted.first->second) {
      inserted.first->second = o.min_lead;
    }
  }
  for (size_t i = 0; i < count; ++i) {
    const Buffer& a = problem.buffers[i];
    const size_t begin = plan.offsets[i];
    if (begin % problem.alignment != 0) {
      out << a.name << " at " << begin << " is not aligned";
      return out.str();
    }
    if (a.bytes > plan.arena_bytes || begin > plan.arena_bytes - a.bytes) {
      out << a.name << " ends outside the arena";
      return out.str();
    }
    for (size_t j = i + 1; j < count; ++j) {
      const Buffer& b = problem.buffers[j];
      const bool together = !(a.last < b.first || b.last < a.first);
      const bool apart = begin + a.bytes <= plan.offsets[j] ||
                         plan.offsets[j] + b.bytes <= begin || a.bytes == 0 ||
                         b.bytes == 0;
      if (!together || apart) continue;
      const int64_t shift =
          static_cast<int64_t>(begin) - static_cast<int64_t>(plan.offsets[j]);
      const auto a_read = leads.find({i, j});
      const auto b_read = leads.find({j, i});
      if (a_read != leads.end() && shift >= a_read->second) continue;
      if (b_read != leads.end() && -shift >= b_read->second) continue;
      out << a.name << " and " << b.name
          << " live at the same time and share bytes";
      return out.str();
    }
  }
  return "";
}

}  // namespace two_stream
