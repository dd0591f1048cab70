import Glibc
import NetCore

/// Where a plugin type was found (cni.md R-11, P-61).
enum PluginLocation: Sendable {
    /// Runs in this process; `file` is what CNI_PATH had under the name, nil when it had nothing.
    case builtIn(any Plugin, file: String?)
    /// Is executed.
    case file(String)

    /// The file's path, when there is one.
    var file: String? {
        switch self {
        case .builtIn(_, let file): file
        case .file(let file): file
        }
    }
}

/// A file told by device and inode: two names of one file are equal. Symbolic links are followed.
struct FileIdentity: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64

    /// Nil when there is no regular file under that path.
    init?(ofFile path: String) {
        var found = stat()
        guard stat(path, &found) == 0, found.st_mode & S_IFMT == S_IFREG else { return nil }
        device = UInt64(found.st_dev)
        inode = UInt64(found.st_ino)
    }

    /// This program's own file.
    static let thisProgram = FileIdentity(ofFile: Host.programFile)
}

extension PluginCaller {
    /// The first regular file of that name in the path list: in process when it is this very program, or when there is
    /// none and the type is built in. Nil when it is nowhere. Throws code 7 for a type that is no file name
    /// (CVE-2021-20206).
    func locate(_ type: String) throws(CNIError) -> PluginLocation? {
        try PluginCaller.validate(type: type)
        for directory in path where !directory.isEmpty {
            let file = directory.hasSuffix("/") ? directory + type : "\(directory)/\(type)"
            guard let identity = FileIdentity(ofFile: file) else { continue }
            if identity == executable, let plugin = builtIn(type) { return .builtIn(plugin, file: file) }
            return .file(file)
        }
        return builtIn(type).map { .builtIn($0, file: nil) }
    }

    /// Whether the type would be executed: it is found, and is none of this program's. Throws code 7 for a type that is
    /// no file name.
    public func isExecuted(_ type: String) throws(CNIError) -> Bool {
        if case .file? = try locate(type) { true } else { false }
    }

    /// The first file of that name in the path list, whether it would be executed or is this very program. Throws code 7
    /// for a type that is no file name.
    public func file(of type: String) throws(CNIError) -> String? { try locate(type)?.file }

    /// Throws code 7 unless the type names a file in a directory.
    static func validate(type: String) throws(CNIError) {
        guard !type.isEmpty else {
            throw CNIError(.invalidConfiguration, "\"type\": \"\" names no plugin: give the name of a file in CNI_PATH")
        }
        guard !type.utf8.contains(UInt8(ascii: "/")), type != ".", type != "..", !type.utf8.contains(0) else {
            throw CNIError(
                .invalidConfiguration,
                "\"type\": \"\(type)\" is not a plugin's name: it must be a file name without \"/\", looked for in CNI_PATH"
            )
        }
    }

    /// Code 5, with the type and every directory that was looked in.
    func notFound(_ type: String) -> CNIError {
        let directories = path.filter { !$0.isEmpty }
        return CNIError(
            .inputOutput,
            directories.isEmpty
                ? "failed to find plugin \"\(type)\": CNI_PATH is empty and it is not built in; set CNI_PATH to the plugins' directory"
                : "failed to find plugin \"\(type)\" in path [\(directories.joined(by: " "))]; install it there or extend CNI_PATH"
        )
    }
}
