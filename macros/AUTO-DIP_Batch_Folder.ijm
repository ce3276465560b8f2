// Denoises every image in a folder with the Fiji command "AUTO-DIP Denoise File...": a template to adapt.
//
// Open it in Fiji's script editor (Python mode) and press Run. For a plain folder, use the command "AUTO-DIP Denoise
// Folder..." instead: it resumes, compares inputs and settings, and continues after a file that fails.

#@ File (label = "Input folder", style = "directory") input
#@ File (label = "Output folder", style = "directory") output
#@ String (label = "File suffix", value = ".tif") suffix
#@ String (label = "Group", value = "Auto (from metadata)") group
#@ Integer (label = "Iterations (0 = from group)", value = 0) iterations

if (input == output)
	exit("AUTO-DIP Batch Folder: the output folder is the input folder; choose a different one");
var done = 0;
var skipped = 0;
var failed = 0;
processFolder(input, output);
summary = "" + done + " done, " + skipped + " skipped, " + failed + " failed";
print(summary);
return summary;

// Processes files in folders and sub-folders; the output has the same sub-folders.
function processFolder(from, to) {
	list = getFileList(from);
	list = Array.sort(list);
	File.makeDirectory(to);
	for (i = 0; i < list.length; i++) {
		name = replace(list[i], "/", ""); // names of folders end with it
		path = from + File.separator + name;
		if (endsWith(name, suffix)) // an .ome.zarr image is a folder
			processFile(path, to, name);
		else if (File.isDirectory(path) && path != output)
			processFolder(path, to + File.separator + name);
	}
}

function processFile(path, folder, name) {
	target = folder + File.separator + substring(name, 0, lengthOf(name) - lengthOf(suffix)) + "_autodip.ome.tif";
	if (File.exists(target)) {
		skipped++;
		return;
	}
	if (indexOf(path + target, "]") >= 0) { // not possible in the options of run()
		print("failed: " + path + ": rename it; ImageJ cannot pass a name with ] to a command");
		failed++;
		return;
	}
	options = "input=[" + path + "] output=[" + target + "] group=[" + group + "] channels=[]"
		+ " effort=[Auto (from Settings)] iterations=" + iterations + " dtype=float32 options=[]";
	// In eval() a failure ends only the command; a plain run("AUTO-DIP Denoise File...", options) would end this macro.
	text = escaped(options);
	answer = eval("run(\"AUTO-DIP Denoise File...\", \"" + text + "\"); return \"ok\";");
	if (File.exists(target)) {
		done++;
	} else {
		print("failed: " + path + " (see the lines above for the reason)");
		failed++;
	}
}

function escaped(text) {
	text = replace(text, "\\", "\\\\");
	text = replace(text, "\"", "\\\"");
	return text;
}
