public import JSON

/// A line of `stats`.
public enum UsageRow {
    /// From the API's statistics, and an earlier look where they bring none.
    public static func make(_ stats: JSON, before: JSON?, isWhole: Bool) -> JSON {
        let id = stats["id"]?.string ?? ""
        let name = stats["name"]?.string ?? ""
        let memory = stats["memory_stats"]
        let limit = number(memory?["limit"])
        let usage = used(memory)
        var received = 0.0
        var sent = 0.0
        for (_, link) in stats["networks"]?.object ?? [:] {
            received += number(link["rx_bytes"])
            sent += number(link["tx_bytes"])
        }
        var read = 0.0
        var written = 0.0
        for entry in stats["blkio_stats"]?["io_service_bytes_recursive"]?.array ?? [] {
            switch entry["op"]?.string?.lowercased() {
            case "read": read += number(entry["value"])
            case "write": written += number(entry["value"])
            default: break
            }
        }
        return Row.make([
            ("ID", isWhole ? id : String(id.prefix(12))),
            ("Container", isWhole ? id : String(id.prefix(12))),
            ("Name", name.hasPrefix("/") ? String(name.dropFirst()) : name),
            ("CPUPerc", Spoken.percent(processor(stats, before))),
            ("MemUsage", "\(Spoken.binarySize(usage)) / \(Spoken.binarySize(limit))"),
            ("MemPerc", Spoken.percent(limit > 0 ? usage / limit * 100 : 0)),
            ("NetIO", "\(Spoken.size(received)) / \(Spoken.size(sent))"),
            ("BlockIO", "\(Spoken.size(read)) / \(Spoken.size(written))"),
            ("PIDs", String(stats["pids_stats"]?["current"]?.integer ?? 0)),
        ])
    }

    /// Without what the kernel can take back at once: cache that is not in use.
    static func used(_ memory: JSON?) -> Double {
        let usage = number(memory?["usage"])
        for key in ["total_inactive_file", "inactive_file"] {
            if let cache = memory?["stats"]?[key] {
                return number(cache) < usage ? usage - number(cache) : usage
            }
        }
        return usage
    }

    /// Hundredths of one processor, between two looks.
    static func processor(_ stats: JSON, _ before: JSON?) -> Double {
        let now = stats["cpu_stats"]
        var earlier = stats["precpu_stats"]
        if number(earlier?["system_cpu_usage"]) == 0 { earlier = before?["cpu_stats"] ?? earlier }
        let own = number(now?["cpu_usage"]?["total_usage"]) - number(earlier?["cpu_usage"]?["total_usage"])
        let all = number(now?["system_cpu_usage"]) - number(earlier?["system_cpu_usage"])
        var count = number(now?["online_cpus"])
        if count == 0 { count = Double(now?["cpu_usage"]?["percpu_usage"]?.array?.count ?? 1) }
        return own > 0 && all > 0 ? own / all * count * 100 : 0
    }

    private static func number(_ value: JSON?) -> Double {
        switch value {
        case .integer(let number)?: Double(number)
        case .double(let text)?: Double(text) ?? 0
        default: 0
        }
    }
}
