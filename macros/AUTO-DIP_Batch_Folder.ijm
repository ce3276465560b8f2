// Denoises every image of a folder by the Fiji command "AUTO-DIP Denoise File...": a template to be changed.
//
// Open it in Fiji's script editor (Python mode) and press Run. For plain folders the command "AUTO-DIP Denoise Folder..."
// does the same with less: it resumes, compares inputs and settings, and a bad file does not stop it.

#@ File (label = "Input folder", style = "directory") input
#@ File (label = "Output folder", style = "directory") output
#@ String (label = "File suffix", value = ".tif") suffix
#@ String (label = "Group", value = "Auto (from metadata)") group
#@ Integer (label = "Iterations (0 = from group)", value = 0) iterations

if (input == output)
	exit("AUTO-DIP Batch Folder: the output folder is the input folder; choose another one");
var done = 0;
var skipped = 0;
var failed = 0;
processFolder(input, output);
summary = "" + done + " done, " + skipped + " skipped, " + failed + " failed";
print(summary);
return summary;

// Scans folders, sub-folders and files; the sub-folders are kept in the output.
function processFolder(from, to) {
	list = getFileList(from);
	list = Array.sort(list);
	File.makeDirectory(to);
	for (i = 0; i < list.length; i++) {
		name = replace(list[i], "/", ""); // the name of a folder ends with it
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
	if (indexOf(path + target, "]") >= 0) { // the options of run() cannot hold it
		print("failed: " + path + ": rename it, ImageJ cannot pass on a name with ]");
		failed++;
		return;
	}
	options = "input=[" + path + "] output=[" + target + "] group=[" + group + "] channels=[]"
		+ " effort=[Auto (from Settings)] iterations=" + iterations + " dtype=float32 options=[]";
	// Within eval() a failure ends the command alone; plain run("AUTO-DIP Denoise File...", options) would end this macro.
	text = escaped(options);
	answer = eval("run(\"AUTO-DIP Denoise File...\", \"" + text + "\"); return \"ok\";");
	if (File.exists(target)) {
		done++;
	} else {
		print("failed: " + path + " (the lines above say why)");
		failed++;
	}
}

function escaped(text) {
	text = replace(text, "\\", "\\\\");
	text = replace(text, "\"", "\\\"");
	return text;
}
