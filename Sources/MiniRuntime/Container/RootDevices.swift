import CContainer
import CKernel
import Glibc
import NetCore

/// What every container has in /dev (runtime specification, "Default Devices").
public enum StandardDevices {
    public static let devices = [
        DeviceSpec("/dev/null", 1, 3), DeviceSpec("/dev/zero", 1, 5), DeviceSpec("/dev/full", 1, 7),
        DeviceSpec("/dev/random", 1, 8), DeviceSpec("/dev/urandom", 1, 9), DeviceSpec("/dev/tty", 5, 0),
    ]

    /// Names in /dev, and where they lead.
    public static let links = [
        ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ]

    /// The devices of a container that asks for these besides.
    public static func with(_ asked: [DeviceSpec]) -> [DeviceSpec] {
        devices.filter { one in !asked.contains { $0.path == one.path } } + asked
    }
}

extension RootDirectory {
    /// `isBound`: a user namespace may make no device; the host's own are bound.
    func makeDevices(_ asked: [DeviceSpec], isBound: Bool) throws(KernelError) {
        let before = umask(0)
        defer { umask(before) }
        for device in StandardDevices.with(asked) {
            if isBound { try bind(device) } else { try make(device) }
        }
        let directory = try makeDirectory("/dev")
        for (name, target) in StandardDevices.links {
            if symlinkat(target, directory.number, name) != 0, errno != EEXIST {
                throw KernelError("link /dev/\(name) in the container's root", .current)
            }
        }
        if try find("/dev/pts/ptmx") != nil {
            unlinkat(directory.number, "ptmx", 0)
            if symlinkat("pts/ptmx", directory.number, "ptmx") != 0, errno != EEXIST {
                throw KernelError("link /dev/ptmx in the container's root", .current)
            }
        }
    }

    private func make(_ device: DeviceSpec) throws(KernelError) {
        let parent = try makeDirectory(Files.directory(of: device.path))
        let name = RootDirectory.name(device.path)
        if berth_mknodat(parent.number, name, device.kind | device.mode, device.major, device.minor) != 0 {
            let code = Errno.current
            if code == .alreadyExists { return }
            throw KernelError("make device \(device.path)", code)
        }
        try check("give device \(device.path) away") {
            fchownat(parent.number, name, device.user, device.group, AT_SYMLINK_NOFOLLOW)
        }
    }

    private func bind(_ device: DeviceSpec) throws(KernelError) {
        let place = try makeFile(device.path)
        let number = try check("bind device \(device.path)") {
            berth_open_tree(AT_FDCWD, device.path, UInt32(OPEN_TREE_CLONE))
        }
        let tree = OwnedDescriptor(taking: number)
        try Mounting.attach(tree.number, place.number, device.path)
    }
}
