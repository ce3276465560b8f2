// Example: denoises selected channels of an image file in Fiji, each with its own group, and merges them again.
//
// Open it in Fiji's script editor (Python mode) and press Run. The group of a channel is inferred from the metadata unless
// it is given here: use this example for a dye that the metadata do not name.

#@ File (label = "Image") input
#@ File (label = "Folder for the results", style = "directory") output
#@ String (label = "Channels, counted from 1, separated by commas", value = "1,2") channels
#@ String (label = "Their groups, separated by commas", value = "widefield/nucleus,widefield/actin") groups
#@ Integer (label = "Iterations (0 = from group)", value = 0) iterations

wanted = split(channels, ",");
group = split(groups, ",");
if (wanted.length != group.length)
	exit("AUTO-DIP Example Channels: " + wanted.length + " channels and " + group.length + " groups; specify one group per channel");
name = File.getNameWithoutExtension(input);
merge = "";
for (i = 0; i < wanted.length; i++) {
	channel = String.trim(wanted[i]);
	target = output + File.separator + name + "_channel" + channel + "_autodip.tif";
	run("AUTO-DIP Denoise File...", "input=[" + input + "] output=[" + target + "] group=[" + String.trim(group[i]) + "]"
		+ " channels=[" + channel + "] effort=[Auto (from Settings)] iterations=" + iterations + " dtype=float32 options=[]");
	if (!File.exists(target))
		exit("AUTO-DIP Example Channels: channel " + channel + " was not denoised; see the Log for the reason");
	open(target);
	merge = merge + "c" + (i + 1) + "=[" + getTitle() + "] ";
}
if (wanted.length > 1)
	run("Merge Channels...", merge + "create");
rename(name + "-autodip");
result = getTitle();
return result;
