import JSON

/// The bundle to begin with: a shell on a terminal, with few rights.
enum DefaultSpec {
    static var document: JSON {
        let capabilities: JSON = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
        let process: JSON = [
            "terminal": true, "user": ["uid": 0, "gid": 0], "args": ["sh"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"], "cwd": "/",
            "capabilities": [
                "bounding": capabilities, "effective": capabilities, "permitted": capabilities, "ambient": capabilities,
            ],
            "rlimits": [["type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024]], "noNewPrivileges": true,
        ]
        return [
            "ociVersion": .string(BundleSpec.newest), "process": process, "root": ["path": "rootfs", "readonly": true],
            "hostname": "berth", "mounts": mounts, "linux": linux,
        ]
    }

    private static func mount(_ destination: JSON, _ type: JSON, _ source: JSON, _ options: [JSON]) -> JSON {
        var object: JSONObject = ["destination": destination, "type": type, "source": source]
        if !options.isEmpty { object["options"] = .array(options) }
        return .object(object)
    }

    private static var mounts: JSON {
        [
            mount("/proc", "proc", "proc", []),
            mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount(
                "/dev/pts", "devpts", "devpts",
                ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            mount("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            mount("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
            mount("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
            mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"]),
        ]
    }

    private static var linux: JSON {
        [
            "resources": ["devices": [["allow": false, "access": "rwm"]]],
            "namespaces": [
                ["type": "pid"], ["type": "network"], ["type": "ipc"], ["type": "uts"], ["type": "mount"],
                ["type": "cgroup"],
            ],
            "maskedPaths": [
                "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
            ],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        ]
    }
}
