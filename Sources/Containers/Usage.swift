import Glibc
import Images
import JSON
import MiniRuntime
import NetCore
import Networks

extension Containers {
    /// One sample as `stats?stream=false` answers; nothing but id and name when it does not run.
    public func stats(_ reference: String) throws(APIError) -> JSONObject {
        let container = try find(reference)
        let now = container.now
        var answer: JSONObject = [
            "id": .string(container.id), "name": .string("/" + now.name), "read": .string(Moment.now.text),
            "preread": .string(Moment.never),
        ]
        guard now.isAlive else { return answer }
        let found: CgroupStatistics
        do throws(KernelError) {
            found = try Cgroup(path: container.cgroupPath(now.host)).statistics()
        } catch {
            throw APIError(500, "read what container \(container.shortID) uses: \(error)")
        }
        answer["cpu_stats"] = .object(cpu(found.cpu))
        answer["precpu_stats"] = [:]
        answer["memory_stats"] = .object(memory(found.memory))
        var pids: JSONObject = ["current": .integer(Int64(clamping: found.pids?.current ?? 0))]
        if let limit = found.pids?.limit { pids["limit"] = .integer(Int64(clamping: limit)) }
        answer["pids_stats"] = .object(pids)
        func io(_ list: [CgroupStatistics.Transfer]) -> JSON {
            .array(
                list.map {
                    [
                        "major": .integer(Int64(clamping: $0.major)), "minor": .integer(Int64(clamping: $0.minor)),
                        "op": .string($0.operation),
                        "value": .integer(Int64(clamping: $0.value)),
                    ]
                })
        }
        answer["blkio_stats"] = [
            "io_service_bytes_recursive": io(found.ioBytes), "io_serviced_recursive": io(found.ioOperations),
        ]
        answer["num_procs"] = 0
        answer["storage_stats"] = [:]
        answer["networks"] = .object(traffic(now.pid))
        return answer
    }

    private func cpu(_ found: CgroupStatistics.CPU?) -> JSONObject {
        let cpu = found ?? CgroupStatistics.CPU()
        func number(_ value: UInt64) -> JSON { .integer(Int64(clamping: value)) }
        return [
            "cpu_usage": [
                "total_usage": number(cpu.total), "usage_in_usermode": number(cpu.user),
                "usage_in_kernelmode": number(cpu.system),
                "percpu_usage": .array(cpu.each.map { number($0) }),
            ],
            "system_cpu_usage": number(Containers.hostTime()),
            "online_cpus": .integer(Int64(sysconf(Int32(_SC_NPROCESSORS_ONLN)))),
            "throttling_data": [
                "periods": number(cpu.periods), "throttled_periods": number(cpu.throttledPeriods),
                "throttled_time": number(cpu.throttledTime),
            ],
        ]
    }

    private func memory(_ found: CgroupStatistics.Memory?) -> JSONObject {
        let memory = found ?? CgroupStatistics.Memory()
        func number(_ value: UInt64) -> JSON { .integer(Int64(clamping: value)) }
        var stat = JSONObject()
        for counter in memory.stat { stat[counter.name] = number(counter.value) }
        stat["inactive_file"] = number(memory.inactiveFile)
        let all = UInt64(sysconf(Int32(_SC_PHYS_PAGES))) * UInt64(sysconf(Int32(_SC_PAGESIZE)))
        return [
            "usage": number(memory.usage), "max_usage": number(memory.peak ?? 0),
            "limit": number(min(memory.limit ?? all, all)), "stats": .object(stat),
        ]
    }

    /// Nanoseconds that all processors have spent, as Docker counts them.
    private static func hostTime() -> UInt64 {
        do throws(KernelError) {
            let line = String(decoding: try Files.read("/proc/stat"), as: UTF8.self).split(separator: "\n").first ?? ""
            let ticks = line.split(separator: " ").dropFirst().prefix(8).compactMap { UInt64($0) }.reduce(0, +)
            return ticks &* (1_000_000_000 / UInt64(sysconf(Int32(_SC_CLK_TCK))))
        } catch {
            return 0
        }
    }

    private func traffic(_ pid: Int64) -> JSONObject {
        var links = JSONObject()
        do throws(KernelError) {
            for line in String(decoding: try Files.read("/proc/\(pid)/net/dev"), as: UTF8.self).split(separator: "\n")
                .dropFirst(2)
            {
                let parts = line.split { $0 == " " || $0 == ":" }.map(String.init)
                guard parts.count >= 17, parts[0] != "lo" else { continue }
                func number(_ index: Int) -> JSON { .integer(Int64(parts[index]) ?? 0) }
                links[parts[0]] = [
                    "rx_bytes": number(1), "rx_packets": number(2), "rx_errors": number(3), "rx_dropped": number(4),
                    "tx_bytes": number(9),
                    "tx_packets": number(10), "tx_errors": number(11), "tx_dropped": number(12),
                ]
            }
        } catch {}
        return links
    }

    public func top(_ reference: String, arguments: String) throws(APIError) -> JSONObject {
        let container = try running(reference)
        let words = arguments.split(separator: " ").map(String.init)
        let own: Set<pid_t>
        let outcome: ChildProcess.Outcome
        do throws(KernelError) {
            own = Set(try Cgroup(path: container.cgroupPath(container.now.host)).pids())
            outcome = try ChildProcess(
                path: "/bin/ps", arguments: words, environment: ["PATH=/usr/bin:/bin", "LC_ALL=C"], input: [],
                seconds: 10
            ).run()
        } catch {
            throw APIError(500, "list the processes of container \(container.shortID): \(error)")
        }
        let lines = String(decoding: outcome.output, as: UTF8.self).split(separator: "\n").map(String.init)
        guard outcome.exitStatus == 0, let head = lines.first else {
            throw APIError(400, "ps \(arguments): \(String(decoding: outcome.errors, as: UTF8.self))")
        }
        let titles = head.split(separator: " ").map(String.init)
        guard let column = titles.firstIndex(of: "PID") else {
            throw APIError(400, "Couldn't find PID field in ps output")
        }
        var rows: [JSON] = []
        for line in lines.dropFirst() {
            let fields = line.split(separator: " ", maxSplits: titles.count - 1).map(String.init)
            guard fields.count > column, let pid = pid_t(fields[column]), own.contains(pid) else { continue }
            rows.append(.array(fields.map { .string($0) }))
        }
        return ["Titles": .array(titles.map { .string($0) }), "Processes": .array(rows)]
    }
}
