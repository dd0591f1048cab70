import CNI
import NetCore
import Testing

/// `text` is what the golden file of that name holds; `UPDATE_GOLDEN=1` writes it anew.
func expectGolden(_ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let path = Files.directory(of: Files.directory(of: #filePath)) + "/Golden/\(name)"
    if Environment.process["UPDATE_GOLDEN"] == "1" {
        try Files.makeDirectories(Files.directory(of: path))
        try Files.replace(path, with: Array(text.utf8), mode: 0o644)
    }
    #expect(String(decoding: try Files.read(path), as: UTF8.self) == text, "\(name)", sourceLocation: sourceLocation)
}
